import CoreMLEngine
import GFNetKit
import PhotosUI
import SwiftUI

/// Shows on a photo, or on what the camera sees, where the network looks, and what it thinks after each step.
struct StepsView: View {
    @State private var item: PhotosPickerItem?
    @State private var isWatching = false
    @State private var picture: UIImage?
    @State private var steps: [Step] = []
    @State private var problem = ""

    var body: some View {
        VStack {
            HStack {
                PhotosPicker("Choose a photo", selection: $item, matching: .images).disabled(isWatching)
                Toggle("Camera", isOn: $isWatching)
            }
            if let picture {
                Image(uiImage: picture).resizable().scaledToFit().overlay {
                    GeometryReader { space in
                        ForEach(steps, id: \.index) { Looked(step: $0, scale: space.size.width / picture.size.width) }
                    }
                }
            }
            ForEach(steps, id: \.index) { step in
                Text("\(step.index): \(step.name ?? "class \(step.label)"), \(Int(step.confidence * 100)) %")
            }
            Text(problem).foregroundColor(.red)
        }
        .padding()
        .task(id: item) { await trying { try await lookAtPhoto() } }
        // ends when it is switched off: the task is cancelled, and with it the wait for the next frame
        .task(id: isWatching) { await trying { try await watch() } }
    }

    private func trying(_ work: () async throws -> Void) async {
        do {
            problem = ""
            try await work()
        } catch is CancellationError {
        } catch {
            problem = error.localizedDescription
        }
    }

    private func lookAtPhoto() async throws {
        guard let data = try await item?.loadTransferable(type: Data.self), let image = UIImage(data: data) else {
            return
        }
        // upright, one pixel a point: steps give their regions in the upright picture's pixels
        let upright = UIGraphicsImageRenderer(size: image.size, format: .init(for: .init(displayScale: 1))).image { _ in
            image.draw(at: .zero)
        }
        if let pixels = upright.cgImage { try await look(at: pixels, try Picture(pixels), openedSession()) }
    }

    private func watch() async throws {
        guard isWatching else { return }
        let session = try await openedSession()
        let camera = Camera()
        defer { camera.stop() }
        try await camera.start()
        for await frame in camera.frames { try await look(at: frame.image(), try Picture(frame.pixels), session) }
    }

    private func look(at image: CGImage, _ picture: Picture, _ session: Session) async throws {
        self.picture = UIImage(cgImage: image)
        steps = []
        for try await step in session.steps(picture) { steps.append(step) }
    }

    private func openedSession() async throws -> Session {
        guard let name = Folders.bundleNames().first else {
            throw GFNetError.input("no bundle in the app's folder; put one there in Finder")
        }
        let bundle = try GFNetBundle(contentsOf: Folders.bundles.appendingPathComponent(name))
        return try await Session(bundle, engine: CoreMLEngine(bundle))
    }
}

/// The rectangle of one look, drawn over the picture.
private struct Looked: View {
    let step: Step
    /// points per pixel of the picture
    let scale: Double

    var body: some View {
        Rectangle()
            .stroke(step.position == nil ? Color.white : Color.yellow, lineWidth: 2)
            .frame(width: step.region.width * scale, height: step.region.height * scale)
            .offset(x: step.region.left * scale, y: step.region.top * scale)
    }
}
