#if canImport(CoreML)
    import CoreML
    import Foundation
    import GFNetKit

    /// An array over a tensor's own memory; the tensor must outlive it. Throws ``GFNetError/input(_:)``.
    func multiArray(over tensor: Tensor) throws -> MLMultiArray {
        guard let type = tensor.dtype.coreML else {
            throw GFNetError.input("Core ML has no arrays of \(tensor.dtype.rawValue)")
        }
        var strides = [Int](repeating: 1, count: tensor.shape.count)
        for axis in strides.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * tensor.shape[axis + 1] }
        do {
            return try MLMultiArray(
                dataPointer: tensor.data, shape: tensor.shape.map(NSNumber.init(value:)), dataType: type,
                strides: strides.map(NSNumber.init(value:)))
        } catch {
            throw GFNetError.input("\(tensor.form) is no array for Core ML: \(error.inOneLine)")
        }
    }

    /// Copies an array that Core ML has allocated itself, whatever gaps lie between its rows.
    func copy(_ array: MLMultiArray, to tensor: Tensor, _ place: String) throws {
        let shape = array.shape.map(\.intValue)
        guard shape == tensor.shape, array.dataType == tensor.dtype.coreML, let width = shape.last else {
            throw GFNetError.failed("\(place): it gave \(shape), not \(tensor.form)")
        }
        let size = tensor.dtype.size
        array.withUnsafeMutableBytes { bytes, strides in
            guard let start = bytes.baseAddress, let step = strides.last else { return }
            for row in 0..<tensor.elements / width {
                var rest = row
                var offset = 0
                for axis in shape.indices.dropLast().reversed() {
                    offset += rest % shape[axis] * strides[axis]
                    rest /= shape[axis]
                }
                let to = tensor.data + row * width * size
                let from = start + offset * size
                if step == 1 {
                    to.copyMemory(from: from, byteCount: width * size)
                } else {
                    for column in 0..<width {
                        (to + column * size).copyMemory(from: from + column * step * size, byteCount: size)
                    }
                }
            }
        }
    }

    /// Throws ``GFNetError/input(_:)`` unless a feature of the package is such a tensor.
    func check(_ feature: MLFeatureDescription?, isTensor tensor: Tensor, _ place: String) throws {
        guard let constraint = feature?.multiArrayConstraint else {
            throw GFNetError.input(
                "\(place) is \(tensor.form) in the manifest and no array in the package; export again")
        }
        // a package may leave the shape of an output open
        let shape = constraint.shape.map(\.intValue)
        guard shape.isEmpty || shape == tensor.shape, constraint.dataType == tensor.dtype.coreML else {
            throw GFNetError.input(
                "\(place) is \(tensor.form) in the manifest, and \(shape) of type \(constraint.dataType.rawValue) in the "
                    + "package; export again")
        }
    }

    /// Throws ``GFNetError/input(_:)`` unless a feature of the package takes the picture that `tensor` holds.
    func check(_ feature: MLFeatureDescription?, takesPictureOf tensor: Tensor, _ place: String) throws {
        guard let constraint = feature?.imageConstraint else {
            throw GFNetError.input("\(place) is a picture in the manifest and none in the package; export again")
        }
        guard constraint.pixelFormatType == ImageBuffer.format, tensor.dtype == .float32,
            tensor.shape == [1, 3, constraint.pixelsHigh, constraint.pixelsWide]
        else {
            throw GFNetError.input(
                "\(place) is a picture of \(constraint.pixelsWide) x \(constraint.pixelsHigh) pixels in the package, "
                    + "\(tensor.form) in the manifest, or none in 8-bit colours; export again")
        }
    }

    extension Dtype {
        var coreML: MLMultiArrayDataType? {
            switch self {
            case .float32: .float32
            case .float16: .float16
            case .int32: .int32
            case .uint8: nil
            }
        }
    }
#endif
