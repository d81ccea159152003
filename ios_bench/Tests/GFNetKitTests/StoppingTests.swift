import Testing

@testable import GFNetKit

@Suite struct StoppingTests {
    private let session: Session
    private let image: Prepared

    init() async throws {
        session = try await Bundles.session("recurrent")
        image = try session.image()
    }

    @Test func theBundlesDefaultRuleEndsTheSequence() async throws {
        let rule = try session.bundle.manifest.rule(target: "executorch")
        let steps = try await session.all(image)
        let expected = steps.first { rule.stops(step: $0.index, logits: $0.logits) }
        let answer = try await session.classify(image)
        #expect(answer.index == expected?.index && answer.logits == expected?.logits)
    }

    @Test func aRuleOfThatNameEndsIt() async throws {
        let rule = try session.bundle.manifest.rule("margin", target: "executorch")
        #expect(rule.measure == .margin)
        let steps = try await session.all(image)
        let expected = steps.first { rule.stops(step: $0.index, logits: $0.logits) }
        #expect(try await session.classify(image, rule: "margin").index == expected?.index)
    }

    @Test func aThresholdEndsIt() async throws {
        #expect(try await session.classify(image, threshold: 0).index == 0)
        #expect(try await session.classify(image, threshold: 1).index == 2)
    }

    @Test func aNumberOfStepsEndsIt() async throws {
        #expect(try await session.classify(image, threshold: 1, maxSteps: 2).index == 1)
        #expect(try await session.classify(image, threshold: 1, maxSteps: 9).index == 2)
    }

    @Test func theGlanceRunsWhateverTheDeadline() async throws {
        #expect(try await session.classify(image, threshold: 1, deadlineMs: 0).index == 0)
    }

    @Test func aStepThatWouldPassTheDeadlineIsNotTaken() async throws {
        #expect(
            try await session.classify(image, threshold: 1, deadlineMs: 1e6, expectedMs: [0, 0, 1e9]).index == 1)
        #expect(try await session.classify(image, threshold: 1, deadlineMs: 1e6, expectedMs: [1e9, 1, 1]).index == 2)
    }

    @Test func withoutTimesTheRulesOwnCount() async throws {
        #expect(try await session.classify(image, rule: "margin").index == 2)
        #expect(try await session.classify(image, rule: "margin", deadlineMs: 1e6).index == 1)
        #expect(try await session.classify(image, rule: "margin", deadlineMs: 1e6, expectedMs: [0, 0, 0]).index == 2)
    }

    @Test(
        arguments: [
            ("no exit rule 'fast'; the bundle has default, margin", "fast", nil, nil, nil),
            ("give one of them", "default", 0.5, nil, nil),
            ("must lie between 0 and 1", nil, 1.5, nil, nil),
            ("must be at least 1", nil, nil, 0, nil),
            ("must be at least 0", nil, nil, nil, Double.nan),
        ] as [(String, String?, Double?, Int?, Double?)])
    func limitsThatMakeNoSenseAreRefused(
        message: String, rule: String?, threshold: Double?, maxSteps: Int?, deadlineMs: Double?
    ) async throws {
        await #expect {
            try await self.session.classify(
                self.image, rule: rule, threshold: threshold, maxSteps: maxSteps, deadlineMs: deadlineMs)
        } throws: { error in
            guard case .input(let found)? = error as? GFNetError else { return false }
            return found.contains(message)
        }
    }
}
