// Below https://developer.apple.com/documentation/avfoundation/
@_exported import CoreMedia
import Foundation

// avmediatype
public struct AVMediaType: Sendable {
    // avmediatype/video
    public static let video = AVMediaType()
}

// avcapturedevice
open class AVCaptureDevice: NSObject {
    // avcapturedevice/requestaccess(for:completionhandler:), as Swift calls it where the handler is the answer
    public class func requestAccess(for mediaType: AVMediaType) async -> Bool { false }
    // avcapturedevice/default(_:for:position:)
    public class func `default`(
        _ deviceType: DeviceType, for mediaType: AVMediaType?, position: Position
    ) -> AVCaptureDevice? { nil }

    // avcapturedevice/devicetype-swift.struct
    public struct DeviceType: Sendable {
        // avcapturedevice/devicetype-swift.struct/builtinwideanglecamera
        public static let builtInWideAngleCamera = DeviceType()
    }

    // avcapturedevice/position-swift.enum
    public enum Position: Int {
        // avcapturedevice/position-swift.enum/back
        case back = 1
    }
}

// avcaptureinput
open class AVCaptureInput: NSObject {}

// avcapturedeviceinput
open class AVCaptureDeviceInput: AVCaptureInput {
    // avcapturedeviceinput/init(device:)
    public init(device: AVCaptureDevice) throws { fatalError() }
}

// avcaptureoutput
open class AVCaptureOutput: NSObject {
    // avcaptureoutput/connection(with:)
    open func connection(with mediaType: AVMediaType) -> AVCaptureConnection? { nil }
}

// avcapturevideodataoutputsamplebufferdelegate
public protocol AVCaptureVideoDataOutputSampleBufferDelegate: NSObjectProtocol {
    // avcapturevideodataoutputsamplebufferdelegate/captureoutput(_:didoutput:from:)
    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection)
}

// avcapturevideodataoutput
open class AVCaptureVideoDataOutput: AVCaptureOutput {
    // avcapturevideodataoutput/setsamplebufferdelegate(_:queue:)
    open func setSampleBufferDelegate(
        _ sampleBufferDelegate: (any AVCaptureVideoDataOutputSampleBufferDelegate)?, queue: DispatchQueue?
    ) {}
}

// avcaptureconnection
open class AVCaptureConnection: NSObject {
    // avcaptureconnection/isvideorotationanglesupported(_:) (iOS 17, macOS 14)
    open func isVideoRotationAngleSupported(_ videoRotationAngle: CGFloat) -> Bool { false }
    // avcaptureconnection/videorotationangle (iOS 17, macOS 14)
    open var videoRotationAngle: CGFloat = 0
    // avcaptureconnection/videoorientation (until iOS 17)
    open var videoOrientation = AVCaptureVideoOrientation.portrait
}

// avcapturevideoorientation
public enum AVCaptureVideoOrientation: Int {
    // avcapturevideoorientation/portrait
    case portrait = 1
}

// avcapturesession
open class AVCaptureSession: NSObject {
    // avcapturesession/beginconfiguration()
    open func beginConfiguration() {}
    // avcapturesession/commitconfiguration()
    open func commitConfiguration() {}
    // avcapturesession/canaddinput(_:)
    open func canAddInput(_ input: AVCaptureInput) -> Bool { false }
    // avcapturesession/addinput(_:)
    open func addInput(_ input: AVCaptureInput) {}
    // avcapturesession/canaddoutput(_:)
    open func canAddOutput(_ output: AVCaptureOutput) -> Bool { false }
    // avcapturesession/addoutput(_:)
    open func addOutput(_ output: AVCaptureOutput) {}
    // avcapturesession/startrunning()
    open func startRunning() {}
    // avcapturesession/stoprunning()
    open func stopRunning() {}
}
