import GFNetKit
import SwiftUI

/// Starts a measurement by hand, and shows its samples as they come.
struct MeasurementView: View {
    @ObservedObject var work: Work
    @State private var bundle = ""
    @State private var problem = ""

    var body: some View {
        VStack(alignment: .leading) {
            Picker("Bundle", selection: $bundle) {
                ForEach(Folders.bundleNames(), id: \.self) { Text($0) }
            }
            Button("Measure") {
                Task {
                    do {
                        problem = ""
                        try await work.measure(bundle, "by-hand", Arguments().computeUnits(), rounds: 100)
                    } catch {
                        problem = error.localizedDescription
                    }
                }
            }
            .disabled(work.isBusy || bundle.isEmpty)
            Text(problem).foregroundColor(.red)
            List(work.lines.reversed(), id: \.self) { Text($0).font(.system(.caption, design: .monospaced)) }
        }
        .padding()
        .onAppear { bundle = Folders.bundleNames().first ?? "" }
    }
}
