// Below https://developer.apple.com/documentation/coremedia/
import CoreVideo

// cmsamplebuffer
public final class CMSampleBuffer {}

// cmsamplebuffergetimagebuffer(_:)
public func CMSampleBufferGetImageBuffer(_ sbuf: CMSampleBuffer) -> CVImageBuffer? { nil }
