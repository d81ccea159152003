import Foundation

private import CGFNetCore

/// The network's image, and the way back to the picture that it was cut from.
public struct Prepared: Sendable {
    enum Content: Sendable {
        /// uint8 `[S, S, 3]`, RGB
        case pixels([UInt8])
        /// float32 `[1, 3, S, S]`, RGB from 0 to 1
        case values([Float])
    }

    let content: Content
    /// S, pixels
    public let size: Int
    /// of the upright source, pixels
    public let sourceWidth: Int
    public let sourceHeight: Int
    /// source pixels per pixel of the resized picture, vertically and horizontally
    let down: Double
    let across: Double
    /// of the centre crop in the resized picture
    let offset: Position

    /// Pixels that are an image already: RGB `[S, S, 3]`. Throws ``GFNetError/input(_:)`` for another number of bytes.
    public init(pixels: [UInt8], size: Int) throws {
        try self.init(.pixels(pixels), count: pixels.count, size: size)
    }

    /// Values that are an image already: RGB `[1, 3, S, S]` from 0 to 1. Throws ``GFNetError/input(_:)`` for another
    /// number of values.
    public init(values: [Float], size: Int) throws {
        try self.init(.values(values), count: values.count, size: size)
    }

    private init(_ content: Content, count: Int, size: Int) throws {
        guard count == 3 * size * size else {
            throw GFNetError.input("an image of \(count) values; \(size) x \(size) pixels have \(3 * size * size)")
        }
        self.content = content
        self.size = size
        (sourceWidth, sourceHeight, down, across) = (size, size, 1, 1)
        offset = Position(row: 0, column: 0)
    }

    fileprivate init(_ pixels: [UInt8], size: Int, place: gfnet_place) {
        content = .pixels(pixels)
        self.size = size
        (sourceWidth, sourceHeight) = (Int(place.source_width), Int(place.source_height))
        (down, across) = (place.down, place.across)
        offset = Position(row: Int(place.offset_row), column: Int(place.offset_column))
    }

    /// uint8 `[S, S, 3]`; empty where the image was given as values.
    package var pixels: [UInt8] {
        if case .pixels(let pixels) = content { pixels } else { [] }
    }

    /// Where the patch of side `side` at `position` lies in the source; without them, the whole image.
    func region(_ position: Position? = nil, side: Int? = nil) -> Region {
        let side = Double(side ?? size)
        return Region(
            top: Double(offset.row + (position?.row ?? 0)) * down,
            left: Double(offset.column + (position?.column ?? 0)) * across,
            height: side * down, width: side * across)
    }

    /// Writes float32 `[1, 3, S, S]`.
    func write(to tensor: Tensor) {
        switch content {
        case .pixels(let pixels):
            gfnet_to_tensor(pixels, Int32(size), tensor.data.assumingMemoryBound(to: Float.self))
        case .values(let values): values.withUnsafeBytes { tensor.copy(from: $0) }
        }
    }
}

/// Pixels with 8 bits a channel in sRGB, as a decoder or a camera gives them.
public struct Picture: Sendable {
    /// `[height, width, channels]`, rows without gaps
    let pixels: [UInt8]
    let width: Int
    let height: Int
    let channels: Int
    let orientation: Int

    /// `channels`: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is not premultiplied. `orientation` is EXIF's, 1 to 8:
    /// what has to be done to the pixels so that the picture stands upright.
    ///
    /// Throws ``GFNetError/input(_:)`` where `pixels` are not `height * width * channels` bytes.
    public init(pixels: [UInt8], width: Int, height: Int, channels: Int = 3, orientation: Int = 1) throws {
        let (row, tooWide) = width.multipliedReportingOverflow(by: channels)
        let (count, tooLarge) = row.multipliedReportingOverflow(by: height)
        guard width > 0, height > 0, (1...4).contains(channels), !tooWide, !tooLarge, pixels.count == count else {
            throw GFNetError.input(
                "a picture of \(width) x \(height) pixels with \(channels) channels is not \(pixels.count) bytes")
        }
        self.pixels = pixels
        (self.width, self.height, self.channels, self.orientation) = (width, height, channels, orientation)
    }

    /// Turns, resizes and crops the picture as the manifest says, grey level for grey level as Python does it. Throws
    /// ``GFNetError/input(_:)`` where it has too many pixels, or is too narrow.
    public func prepared(for preprocessing: Manifest.Preprocessing) throws -> Prepared {
        try prepare(for: preprocessing) { wanted, out, place in
            pixels.withUnsafeBytes { bytes in
                var source = gfnet_source(
                    width: Int32(clamping: width), height: Int32(clamping: height), channels: Int32(channels),
                    data: bytes.baseAddress, row_bytes: width * channels, orientation: Int32(clamping: orientation))
                return gfnet_prepare(&source, wanted, out, place)
            }
        }
    }
}

#if !canImport(ImageIO)
    extension Prepared {
        /// Reads a JPEG, PNG or BMP file. Throws ``GFNetError/input(_:)`` where it cannot be read.
        public init(contentsOf file: URL, for preprocessing: Manifest.Preprocessing) throws {
            self = try prepare(for: preprocessing) { gfnet_prepare_file(file.path, $0, $1, $2) }
        }
    }
#endif

private func prepare(
    for preprocessing: Manifest.Preprocessing,
    _ work: (
        UnsafePointer<gfnet_preprocessing>, UnsafeMutablePointer<UInt8>, UnsafeMutablePointer<gfnet_place>
    ) -> UnsafeMutablePointer<CChar>?
) throws -> Prepared {
    var wanted = gfnet_preprocessing(
        size: Int32(preprocessing.size), resize: Int32(preprocessing.resize),
        bicubic: preprocessing.filter == .bicubic ? 1 : 0)
    var pixels = [UInt8](repeating: 0, count: 3 * preprocessing.size * preprocessing.size)
    var place = gfnet_place()
    try check(work(&wanted, &pixels, &place))
    return Prepared(pixels, size: preprocessing.size, place: place)
}
