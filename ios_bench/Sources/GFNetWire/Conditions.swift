import Foundation
import GFNetKit

/// What a result says of the device.
func deviceFacts() -> JSON {
    [
        "model": .text(model), "os": .text(ProcessInfo.processInfo.operatingSystemVersionString), "abi": .text(abi),
        "cores": .integer(ProcessInfo.processInfo.activeProcessorCount),
    ]
}

/// How warm and how busy the device is now.
func conditions() -> [String: JSON] {
    [
        "thermal": .text(thermal), "power_mode": .text(powerMode), "frequencies_mhz": [], "governor": .null,
        "peak_memory_bytes": .integer(peakMemoryBytes), "load_average": loadAverage.map(JSON.number) ?? .null,
    ]
}

private var abi: String {
    #if arch(arm64)
        "arm64"
    #elseif arch(x86_64)
        "x86_64"
    #else
        "unknown"
    #endif
}

private var peakMemoryBytes: Int {
    var usage = rusage()
    #if canImport(Darwin)
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #else
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    #endif
}

private var loadAverage: Double? {
    var average = 0.0
    return getloadavg(&average, 1) == 1 ? average : nil
}

#if canImport(Darwin)
    /// `iPhone15,3`
    private var model: String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: names.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    private var thermal: String {
        switch ProcessInfo.processInfo.thermalState {
        case .nominal: "nominal"
        case .fair: "fair"
        case .serious: "serious"
        case .critical: "critical"
        @unknown default: "unknown"
        }
    }

    private var powerMode: String { ProcessInfo.processInfo.isLowPowerModeEnabled ? "saving" : "normal" }
#else
    private var model: String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let line = lines.first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "unknown"
    }

    private var thermal: String { "unknown" }

    private var powerMode: String { "unknown" }
#endif
