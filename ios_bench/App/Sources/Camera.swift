import AVFoundation
import CoreGraphics
import CoreVideo
import Foundation
import GFNetKit
import VideoToolbox

/// The back camera's pictures, upright. While one is looked at older ones are dropped: there is always the newest.
final class Camera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    /// A buffer of the camera's, which nobody writes once it is delivered.
    struct Frame: @unchecked Sendable {
        let pixels: CVPixelBuffer

        /// For the screen. Throws ``GFNetError/input(_:)`` for a format that cannot be shown.
        func image() throws -> CGImage {
            var image: CGImage?
            VTCreateCGImageFromCVPixelBuffer(pixels, options: nil, imageOut: &image)
            guard let image else { throw GFNetError.input("the camera's pictures cannot be shown") }
            return image
        }
    }

    let frames: AsyncStream<Frame>
    private let newest: AsyncStream<Frame>.Continuation
    private let session = AVCaptureSession()
    /// starting and stopping block
    private let control = DispatchQueue(label: "gfnet camera")
    private let delivery = DispatchQueue(label: "gfnet camera frames")

    override init() {
        (frames, newest) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        super.init()
    }

    /// Asks whoever holds the phone, once. Throws ``GFNetError/input(_:)`` where they refuse, or there is no camera.
    func start() async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            throw GFNetError.input("the camera may not be used; allow it in Settings, Privacy & Security, Camera")
        }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            control.async {
                continuation.resume(
                    with: Result {
                        try self.connect()
                        self.session.startRunning()
                    })
            }
        }
    }

    /// Ends ``frames``.
    func stop() {
        newest.finish()
        control.async { self.session.stopRunning() }
    }

    func captureOutput(
        _ output: AVCaptureOutput, didOutput sampleBuffer: CMSampleBuffer, from connection: AVCaptureConnection
    ) {
        if let pixels = CMSampleBufferGetImageBuffer(sampleBuffer) { newest.yield(Frame(pixels: pixels)) }
    }

    /// The pixel format stays the camera's own: to ask for BGRA would convert each frame, looked at or not.
    private func connect() throws {
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: .back) else {
            throw GFNetError.input("this device has no camera at its back; choose a photo")
        }
        session.beginConfiguration()
        defer { session.commitConfiguration() }
        let input = try AVCaptureDeviceInput(device: device)
        let output = AVCaptureVideoDataOutput()
        output.setSampleBufferDelegate(self, queue: delivery)
        guard session.canAddInput(input), session.canAddOutput(output) else {
            throw GFNetError.input("the camera gives no pictures; close other apps that use it")
        }
        session.addInput(input)
        session.addOutput(output)
        guard let connection = output.connection(with: .video) else { return }
        if #available(iOS 17, macOS 14, *) {
            if connection.isVideoRotationAngleSupported(90) { connection.videoRotationAngle = 90 }
        } else {
            connection.videoOrientation = .portrait
        }
    }
}
