/// What is known after one step.
public struct Step: Sendable, Equatable {
    /// 0 is the glance
    public let index: Int
    /// `[K]`
    public let logits: [Float]
    /// `[K]`
    public let probabilities: [Float]
    /// the largest probability
    public let confidence: Float
    /// class index
    public let label: Int
    /// text of the class, if the bundle has labels
    public let name: String?
    /// the patch's top-left pixel in the S × S image; none at the glance
    public let position: Position?
    /// side of the patch, pixels
    public let patchSize: Int?
    /// what was looked at, in the upright source picture
    public let region: Region
    /// work of this and earlier steps in milliseconds, without the caller's time in between
    public let elapsedMs: Double
    /// how much of it the calls took
    package let graphsMs: Double
}

/// A pixel: row and column, from 0.
public struct Position: Sendable, Equatable {
    public let row: Int
    public let column: Int
}

/// A rectangle in the upright source picture, in its pixels.
public struct Region: Sendable, Equatable {
    public let top: Double
    public let left: Double
    public let height: Double
    public let width: Double
}
