import SwiftUI

@main
struct GFNetBenchApp: App {
    @StateObject private var work = Work()

    var body: some Scene {
        WindowGroup {
            TabView {
                MeasurementView(work: work).tabItem { Label("Measure", systemImage: "stopwatch") }
                StepsView().tabItem { Label("Look", systemImage: "eye") }
            }
            // a phone that sleeps measures nothing
            .onAppear { UIApplication.shared.isIdleTimerDisabled = true }
            .task { await work.start() }
        }
    }
}
