#if canImport(ImageIO)
    import CoreGraphics
    import CoreVideo
    import Foundation
    import ImageIO
    import VideoToolbox

    extension Picture {
        /// A camera's or a decoder's pixel buffer, in any format that Core Video can show (BGRA, 420 video and so on).
        ///
        /// `orientation`: what has to be done so that it stands upright. Throws ``GFNetError/input(_:)`` for a format that
        /// cannot be shown.
        public init(_ buffer: CVPixelBuffer, orientation: CGImagePropertyOrientation = .up) throws {
            var image: CGImage?
            let status = VTCreateCGImageFromCVPixelBuffer(buffer, options: nil, imageOut: &image)
            guard let image else {
                throw GFNetError.input(
                    "a pixel buffer of format \(CVPixelBufferGetPixelFormatType(buffer)) cannot be read "
                        + "(Video Toolbox \(status)); ask the camera for kCVPixelFormatType_32BGRA")
            }
            try self.init(image, orientation: orientation)
        }

        /// An image in any colour space; transparency is laid on white. Throws ``GFNetError/input(_:)`` where there is no
        /// memory for it.
        public init(_ image: CGImage, orientation: CGImagePropertyOrientation = .up) throws {
            let (width, height) = (image.width, image.height)
            guard let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: nil, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 0, space: space,
                    bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else {
                throw GFNetError.input("a picture of \(width) x \(height) pixels is too large; scale it down first")
            }
            let whole = CGRect(x: 0, y: 0, width: width, height: height)
            context.setFillColor(red: 1, green: 1, blue: 1, alpha: 1)
            context.fill(whole)
            context.draw(image, in: whole)
            guard let data = context.data else { throw GFNetError.input("the picture has no pixels") }
            var pixels = [UInt8](repeating: 0, count: 3 * width * height)
            for row in 0..<height {
                let line = (data + row * context.bytesPerRow).assumingMemoryBound(to: UInt8.self)
                for column in 0..<width {
                    for channel in 0..<3 { pixels[3 * (row * width + column) + channel] = line[4 * column + channel] }
                }
            }
            try self.init(
                pixels: pixels, width: width, height: height, channels: 3, orientation: Int(orientation.rawValue))
        }
    }

    extension Prepared {
        /// Reads a picture file of any kind that the system reads. Throws ``GFNetError/input(_:)`` where it cannot be read.
        public init(contentsOf file: URL, for preprocessing: Manifest.Preprocessing) throws {
            guard let source = CGImageSourceCreateWithURL(file as CFURL, nil),
                let image = CGImageSourceCreateImageAtIndex(source, 0, nil)
            else { throw GFNetError.input("\(file.path): is no image that can be read") }
            let properties = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any]
            let raw = properties?[kCGImagePropertyOrientation] as? UInt32
            let orientation = raw.flatMap(CGImagePropertyOrientation.init(rawValue:)) ?? .up
            self = try Picture(image, orientation: orientation).prepared(for: preprocessing)
        }
    }
#endif
