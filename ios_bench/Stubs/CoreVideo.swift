// Below https://developer.apple.com/documentation/corevideo/
import Foundation

public typealias OSType = UInt32
public typealias CFAllocator = NSObject
public typealias CFDictionary = [AnyHashable: Any]
public typealias CFString = String
public typealias CFURL = URL

// cvreturn
public typealias CVReturn = Int32
// kcvreturnsuccess
public let kCVReturnSuccess: CVReturn = 0
// cvbuffer-nfm
public final class CVBuffer {}
// cvimagebuffer-q40
public typealias CVImageBuffer = CVBuffer
// cvpixelbuffer-q2e
public typealias CVPixelBuffer = CVImageBuffer
// kcvpixelformattype_32bgra
public let kCVPixelFormatType_32BGRA: OSType = 0x4247_5241
// kcvpixelbufferiosurfacepropertieskey
public let kCVPixelBufferIOSurfacePropertiesKey: CFString = ""

// cvpixelbufferlockflags
public struct CVPixelBufferLockFlags: OptionSet, Sendable {
    // cvpixelbufferlockflags/init(rawvalue:)
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
}

// cvpixelbuffercreate(_:_:_:_:_:_:)
public func CVPixelBufferCreate(
    _ allocator: CFAllocator?, _ width: Int, _ height: Int, _ pixelFormatType: OSType,
    _ pixelBufferAttributes: CFDictionary?, _ pixelBufferOut: UnsafeMutablePointer<CVPixelBuffer?>
) -> CVReturn { fatalError() }
// cvpixelbufferlockbaseaddress(_:_:)
@discardableResult
public func CVPixelBufferLockBaseAddress(_ pixelBuffer: CVPixelBuffer, _ lockFlags: CVPixelBufferLockFlags) -> CVReturn
{
    fatalError()
}
// cvpixelbufferunlockbaseaddress(_:_:)
@discardableResult
public func CVPixelBufferUnlockBaseAddress(
    _ pixelBuffer: CVPixelBuffer, _ unlockFlags: CVPixelBufferLockFlags
) -> CVReturn { fatalError() }
// cvpixelbuffergetbaseaddress(_:)
public func CVPixelBufferGetBaseAddress(_ pixelBuffer: CVPixelBuffer) -> UnsafeMutableRawPointer? { fatalError() }
// cvpixelbuffergetbytesperrow(_:)
public func CVPixelBufferGetBytesPerRow(_ pixelBuffer: CVPixelBuffer) -> Int { fatalError() }
// cvpixelbuffergetpixelformattype(_:)
public func CVPixelBufferGetPixelFormatType(_ pixelBuffer: CVPixelBuffer) -> OSType { fatalError() }
