// Below https://developer.apple.com/documentation/videotoolbox/
import CoreGraphics
import CoreVideo

public typealias OSStatus = Int32

// vtcreatecgimagefromcvpixelbuffer(_:options:imageout:)
@discardableResult
public func VTCreateCGImageFromCVPixelBuffer(
    _ pixelBuffer: CVPixelBuffer, options: CFDictionary?, imageOut: UnsafeMutablePointer<CGImage?>
) -> OSStatus { fatalError() }
