import Foundation

/// When a step's answer is sure enough to stop.
///
/// A confidence is computed in Double from Float logits and rounded to Float once, at the end: so every language of
/// this project gets the same number. Step t stops where it is at least `thresholds[t]`; the last step always does.
public struct ExitRule: Sendable, Equatable {
    public enum Measure: String, Sendable, CaseIterable {
        /// the largest probability
        case maxSoftmax = "max_softmax"
        /// the largest minus the second largest
        case margin
        /// 1 − H(p) / log K
        case entropy
    }

    /// How the rule was found, and what to expect of it.
    public struct Calibration: Sendable, Equatable {
        public let data: String
        /// SHA-256 of the data set
        public let dataHash: String?
        /// model and system; runtime and threads
        public let device: String?
        public let goal: String?
        /// ISO 8601
        public let date: String?
        public let accuracy: Double?
        public let meanSteps: Double?
        /// milliseconds, as all that follow
        public let meanMs: Double?
        public let p50Ms: Double?
        public let p95Ms: Double?
        /// of an image that takes every step that the rule lets it take
        public let worstMs: Double?
        /// share of the images that leaves at each step
        public let leaves: [Double]?
        /// of each step alone, a time that it hardly ever exceeds; what a deadline reckons with
        public let stepMs: [Double]?
    }

    public let measure: Measure
    /// one per step
    public let temperature: [Double]
    /// one fewer than steps; nil: never there
    public let thresholds: [Double?]
    public let calibration: Calibration?
}

extension ExitRule {
    /// One max-softmax threshold for all of `steps` steps. Throws ``GFNetError/input(_:)`` unless it lies in 0...1.
    public static func uniform(threshold: Double, steps: Int) throws -> ExitRule {
        guard (0...1).contains(threshold) else {
            throw GFNetError.input("threshold \(threshold): must lie between 0 and 1")
        }
        return ExitRule(
            measure: .maxSoftmax, temperature: Array(repeating: 1, count: steps),
            thresholds: Array(repeating: threshold, count: steps - 1), calibration: nil)
    }

    /// Does the sequence end with step `step` (0 is the glance), whose finite logits are `[K]`?
    public func stops(step: Int, logits: [Float]) -> Bool {
        guard step < thresholds.count else { return true }
        guard let threshold = thresholds[step] else { return false }
        return confidence(step: step, logits: logits) >= Float(threshold)
    }

    /// How sure the finite logits `[K]` of a step are, by this rule's measure.
    public func confidence(step: Int, logits: [Float]) -> Float {
        let largest = Double(logits.max() ?? 0)
        var total = 0.0
        var product = 0.0
        var first = 0.0
        var second = 0.0
        for logit in logits {
            // below -200 the exponential adds nothing; the bound keeps the products finite
            let scaled = max((Double(logit) - largest) / temperature[step], -200)
            let weight = exp(scaled)
            total += weight
            product += weight * scaled
            if weight > first {
                second = first
                first = weight
            } else {
                second = max(second, weight)
            }
        }
        switch measure {
        case _ where logits.count == 1, .maxSoftmax: return Float(1 / total)
        case .margin: return Float((first - second) / total)
        case .entropy: return Float(1 - (log(total) - product / total) / log(Double(logits.count)))
        }
    }
}

/// Probabilities `[K]` of logits `[K]`, with `weights` `[K]` for scratch, and the class of the largest logit, the first
/// of several. Throws ``GFNetError/failed(_:)`` where a logit is not finite.
func softmax(_ logits: [Float], _ weights: inout [Double]) throws -> (probabilities: [Float], label: Int) {
    var label = 0
    for (index, logit) in logits.enumerated() {
        guard logit.isFinite else {
            throw GFNetError.failed("the logits are not finite; the graphs or the image are broken")
        }
        if logit > logits[label] { label = index }
    }
    let largest = Double(logits[label])
    let probabilities = weights.withUnsafeMutableBufferPointer { weights in
        var total = 0.0
        for (index, logit) in logits.enumerated() {
            weights[index] = exp(Double(logit) - largest)
            total += weights[index]
        }
        return weights.map { Float($0 / total) }
    }
    return (probabilities, label)
}
