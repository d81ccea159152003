/// What a tensor's values are. Registers are never `uint8`; pictures on the wire are.
public enum Dtype: String, Sendable, CaseIterable {
    case float32, float16, int32, uint8

    /// bytes
    public var size: Int {
        switch self {
        case .uint8: 1
        case .float16: 2
        case .float32, .int32: 4
        }
    }
}

/// A tensor's values in memory of their own, row by row, zeros at first.
///
/// Engines read and write it in place. Whoever owns a tensor sees to it that nothing else touches it during a call: a
/// ``Session`` is an actor and makes one call at a time. That is why it may cross to an engine's queue.
public final class Tensor: @unchecked Sendable {
    public let dtype: Dtype
    public let shape: [Int]
    public let data: UnsafeMutableRawPointer
    public let bytes: Int

    /// bytes: a page on Apple's processors. Core ML and the GPU take memory that begins and ends with one as it is.
    private static let page = 16_384

    public init(_ dtype: Dtype, _ shape: [Int]) {
        self.dtype = dtype
        self.shape = shape
        bytes = shape.reduce(dtype.size, *)
        // small ones need no page of their own
        let alignment = bytes < Self.page ? 64 : Self.page
        data = .allocate(byteCount: (max(bytes, 1) + alignment - 1) / alignment * alignment, alignment: alignment)
        fillWithZeros()
    }

    deinit { data.deallocate() }

    public var elements: Int { bytes / dtype.size }

    /// `float32 [1, 3, 8, 8]`
    public var form: String { "\(dtype.rawValue) \(shape)" }

    public func fillWithZeros() {
        UnsafeMutableRawBufferPointer(start: data, count: bytes).initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// From another tensor of the same form.
    public func copy(from other: Tensor) { data.copyMemory(from: other.data, byteCount: bytes) }

    public func copy(from values: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(start: data, count: bytes).copyMemory(from: values)
    }

    /// The values of a float32 tensor.
    package var floats: [Float] {
        Array(UnsafeBufferPointer(start: data.assumingMemoryBound(to: Float.self), count: elements))
    }

    /// A value of an int32 tensor.
    func integer(at index: Int) -> Int { Int(data.assumingMemoryBound(to: Int32.self)[index]) }

    /// A value of any float or int32 tensor, converted.
    func value(at index: Int) -> Double {
        switch dtype {
        case .float32: Double(data.assumingMemoryBound(to: Float.self)[index])
        case .float16: widened(data.assumingMemoryBound(to: UInt16.self)[index])
        case .int32: Double(data.assumingMemoryBound(to: Int32.self)[index])
        case .uint8: Double(data.assumingMemoryBound(to: UInt8.self)[index])
        }
    }
}

/// A float16's bits as a number. Swift's own Float16 is not there on Intel Macs.
private func widened(_ bits: UInt16) -> Double {
    let sign = bits >> 15 == 0 ? 1.0 : -1.0
    let exponent = Int(bits >> 10 & 0x1f)
    let fraction = Double(bits & 0x3ff)
    switch exponent {
    case 0: return sign * fraction * 0x1p-24
    case 0x1f: return fraction == 0 ? sign * .infinity : .nan
    default: return sign * Double(sign: .plus, exponent: exponent - 15, significand: 1 + fraction / 1024)
    }
}
