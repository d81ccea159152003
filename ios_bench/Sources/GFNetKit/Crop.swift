/// The built-in call: cuts patch `[1, C, h, w]` out of image `[1, C, H, W]` at position int32 `[1, 2]` (row, column).
public struct Crop: Sendable {
    let image: Tensor
    let position: Tensor
    let patch: Tensor

    /// Throws ``GFNetError/input(_:)`` unless there are exactly these tensors and the patch fits into the image.
    public init(inputs: [String: Tensor], outputs: [String: Tensor]) throws {
        guard let image = inputs["image"], let position = inputs["position"], inputs.count == 2,
            let patch = outputs["patch"], outputs.count == 1
        else { throw GFNetError.input("crop takes image and position and gives patch") }
        guard position.dtype == .int32, position.shape == [1, 2] else {
            throw GFNetError.input("crop needs an int32 [1, 2] position")
        }
        guard Self.fits(patch.dtype, patch.shape, into: image.dtype, image.shape) else {
            throw GFNetError.input("crop cannot cut \(patch.form) out of \(image.form)")
        }
        (self.image, self.position, self.patch) = (image, position, patch)
    }

    /// Throws ``GFNetError/failed(_:)`` for a position that puts the patch outside the image.
    public func callAsFunction() throws {
        let row = position.integer(at: 0)
        let column = position.integer(at: 1)
        let (height, width) = (patch.shape[2], patch.shape[3])
        guard row >= 0, column >= 0, row <= image.shape[2] - height, column <= image.shape[3] - width else {
            throw GFNetError.failed(
                "position (\(row), \(column)) puts the patch outside the image; the graphs are broken")
        }
        let pixel = image.dtype.size
        let (line, stride) = (width * pixel, image.shape[3] * pixel)
        for channel in 0..<patch.shape[1] {
            var from = image.data + (channel * image.shape[2] + row) * stride + column * pixel
            var to = patch.data + channel * height * line
            for _ in 0..<height {
                to.copyMemory(from: from, byteCount: line)
                from += stride
                to += line
            }
        }
    }

    static func fits(_ dtype: Dtype, _ patch: [Int], into imageDtype: Dtype, _ image: [Int]) -> Bool {
        dtype == imageDtype && patch.count == 4 && image.count == 4 && patch[0] == 1 && image[0] == 1
            && patch[1] == image[1] && patch[2] <= image[2] && patch[3] <= image[3]
    }
}
