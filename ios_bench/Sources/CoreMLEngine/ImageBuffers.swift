#if canImport(CoreML)
    import CoreML
    import CoreVideo
    import Foundation
    import GFNetKit

    /// The image as a pixel buffer, for graphs that take it as a picture: one buffer for all of them.
    final class ImageBuffers: @unchecked Sendable {
        private struct Held {
            weak var buffer: ImageBuffer?
        }

        private let lock = NSLock()
        /// by their tensors; the calls that show them hold them
        private var held: [ObjectIdentifier: Held] = [:]

        func buffer(for tensor: Tensor) throws -> ImageBuffer {
            try lock.withLock {
                let key = ObjectIdentifier(tensor)
                if let buffer = held[key]?.buffer { return buffer }
                let buffer = try ImageBuffer(tensor)
                held = held.filter { $0.value.buffer != nil }
                held[key] = Held(buffer: buffer)
                return buffer
            }
        }

        func areOutOfDate() {
            lock.withLock { for one in held.values { one.buffer?.isOutOfDate = true } }
        }
    }

    /// A pixel buffer that shows what float32 `[1, 3, S, S]` from 0 to 1 holds. Used within a session's calls only, which
    /// come one at a time.
    final class ImageBuffer: @unchecked Sendable {
        static let format = kCVPixelFormatType_32BGRA

        let pixels: CVPixelBuffer
        var isOutOfDate = true
        /// held, so that its identity stays its own
        private let tensor: Tensor

        init(_ tensor: Tensor) throws {
            var made: CVPixelBuffer?
            // memory that the Neural Engine and the GPU can read without a copy
            let attributes = [kCVPixelBufferIOSurfacePropertiesKey: [:] as CFDictionary] as CFDictionary
            let status = CVPixelBufferCreate(
                nil, tensor.shape[3], tensor.shape[2], Self.format, attributes, &made)
            guard status == kCVReturnSuccess, let made else {
                throw GFNetError.failed("no memory for a picture of \(tensor.form) (Core Video \(status))")
            }
            pixels = made
            self.tensor = tensor
        }

        /// Draws the image, if it is another than before.
        func update() throws {
            guard isOutOfDate else { return }
            guard CVPixelBufferLockBaseAddress(pixels, []) == kCVReturnSuccess else {
                throw GFNetError.failed("the picture's memory cannot be written")
            }
            defer { CVPixelBufferUnlockBaseAddress(pixels, []) }
            guard let base = CVPixelBufferGetBaseAddress(pixels) else {
                throw GFNetError.failed("the picture has no memory")
            }
            let (height, width) = (tensor.shape[2], tensor.shape[3])
            let values = tensor.data.assumingMemoryBound(to: Float.self)
            let plane = height * width
            for row in 0..<height {
                let line = (base + row * CVPixelBufferGetBytesPerRow(pixels)).assumingMemoryBound(to: UInt8.self)
                for column in 0..<width {
                    let place = row * width + column
                    line[4 * column] = level(values[2 * plane + place])
                    line[4 * column + 1] = level(values[plane + place])
                    line[4 * column + 2] = level(values[place])
                    line[4 * column + 3] = 255
                }
            }
            isOutOfDate = false
        }

        /// 0 to 1 → 0 to 255; what is no number is 0
        private func level(_ value: Float) -> UInt8 {
            UInt8(max(0, min((value * 255).rounded(.toNearestOrEven), 255)))
        }
    }
#endif
