// Below https://developer.apple.com/documentation/coregraphics/
import CoreVideo
import Foundation

// cgimage
public final class CGImage {
    // cgimage/width, cgimage/height
    public var width: Int { fatalError() }
    public var height: Int { fatalError() }
}

// cgcolorspace
public final class CGColorSpace {
    // cgcolorspace/srgb
    public static let sRGB: CFString = ""
    // cgcolorspace/init(name:)
    public init?(name: CFString) { fatalError() }
}

// cgimagealphainfo
public enum CGImageAlphaInfo: UInt32 {
    case noneSkipLast = 5
}

// cgcontext
public final class CGContext {
    // cgcontext/init(data:width:height:bitspercomponent:bytesperrow:space:bitmapinfo:)
    public init?(
        data: UnsafeMutableRawPointer?, width: Int, height: Int, bitsPerComponent: Int, bytesPerRow: Int,
        space: CGColorSpace, bitmapInfo: UInt32
    ) { fatalError() }
    // cgcontext/data
    public var data: UnsafeMutableRawPointer? { fatalError() }
    // cgcontext/bytesperrow
    public var bytesPerRow: Int { fatalError() }
    // cgcontext/setfillcolor(red:green:blue:alpha:)
    public func setFillColor(red: CGFloat, green: CGFloat, blue: CGFloat, alpha: CGFloat) {}
    // cgcontext/fill(_:)-7a0rk
    public func fill(_ rect: CGRect) {}
    // cgcontext/draw(_:in:bytiling:)
    public func draw(_ image: CGImage, in rect: CGRect, byTiling: Bool = false) {}
}
