import CoreMLEngine
import GFNetKit
import PhotosUI
import SwiftUI

/// Shows on a photo where the network looks, and what it thinks after each step.
struct StepsView: View {
    @State private var item: PhotosPickerItem?
    @State private var picture: UIImage?
    @State private var steps: [Step] = []
    @State private var problem = ""

    var body: some View {
        VStack {
            PhotosPicker("Choose a photo", selection: $item, matching: .images)
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
        .task(id: item) { await look() }
    }

    private func look() async {
        do {
            guard let data = try await item?.loadTransferable(type: Data.self), let image = UIImage(data: data),
                let name = Folders.bundleNames().first
            else { return }
            steps = []
            // upright, one pixel a point: steps give their regions in the upright picture's pixels
            let upright = UIGraphicsImageRenderer(size: image.size, format: .init(for: .init(displayScale: 1))).image {
                _ in image.draw(at: .zero)
            }
            picture = upright
            guard let pixels = upright.cgImage else { return }
            let bundle = try GFNetBundle(contentsOf: Folders.bundles.appendingPathComponent(name))
            let session = try await Session(bundle, engine: CoreMLEngine(bundle))
            for try await step in session.steps(try Picture(pixels)) { steps.append(step) }
        } catch {
            problem = error.localizedDescription
        }
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
