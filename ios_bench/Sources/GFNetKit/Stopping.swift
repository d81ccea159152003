/// When a sequence stops: by an exit rule, after some steps, or where the next step would pass a deadline.
public struct Stopping: Sendable {
    let rule: ExitRule
    let maxSteps: Int?
    let deadlineMs: Double?
    /// of each step; none: not known
    let expectedMs: [Double]

    /// Does the sequence end with this step?
    public func callAsFunction(_ step: Step) -> Bool {
        let following = step.index + 1
        if let maxSteps, following >= maxSteps { return true }
        if let deadlineMs {
            let expected = following < expectedMs.count ? expectedMs[following] : 0
            if step.elapsedMs + expected > deadlineMs { return true }
        }
        return rule.stops(step: step.index, logits: step.logits)
    }
}

extension Session {
    /// - Parameters:
    ///   - rule: a name among the bundle's rules; the default where neither it nor `threshold` is given
    ///   - threshold: one max-softmax threshold in 0...1 instead
    ///   - maxSteps: at least 1
    ///   - deadlineMs: milliseconds; the glance always runs
    ///   - expectedMs: the time of each step in milliseconds; where it is empty, the rule's
    ///     ``ExitRule/Calibration/stepMs``; a time that is not known counts as 0
    ///
    /// Throws ``GFNetError/input(_:)`` for anything else.
    public nonisolated func stopping(
        rule: String? = nil, threshold: Double? = nil, maxSteps: Int? = nil, deadlineMs: Double? = nil,
        expectedMs: [Double] = []
    ) throws -> Stopping {
        if rule != nil, threshold != nil { throw GFNetError.input("rule and threshold: give one of them") }
        if let maxSteps, maxSteps < 1 { throw GFNetError.input("maxSteps \(maxSteps): must be at least 1") }
        if let deadlineMs, !(deadlineMs >= 0) {
            throw GFNetError.input("deadlineMs \(deadlineMs): must be at least 0")
        }
        let exitRule =
            try threshold.map { try ExitRule.uniform(threshold: $0, steps: bundle.manifest.steps.count) }
            ?? bundle.manifest.rule(rule, target: target)
        let times = expectedMs.isEmpty ? exitRule.calibration?.stepMs ?? [] : expectedMs
        return Stopping(rule: exitRule, maxSteps: maxSteps, deadlineMs: deadlineMs, expectedMs: times)
    }
}
