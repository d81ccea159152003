import Testing

@testable import GFNetKit

@Suite struct SessionTests {
    @Test(arguments: Bundles.kinds + ["demo"])
    func everyGraphAndTheWholeLoopGiveTheGoldenValues(name: String) async throws {
        let found = try await Bundles.session(name).verify()
        #expect(found.isGood)
        #expect(found.images > 0 && found.labels == found.images && found.steps == found.images)
        #expect(found.rows.contains { $0.mode == .loop })
        #expect(found.rows.filter { $0.tensor == "position" }.allSatisfy { $0.difference == 0 })
        #expect(found.rows.allSatisfy { $0.difference <= 1e-4 })
    }

    @Test func stepsEndWithTheProgram() async throws {
        let session = try await Bundles.session("recurrent")
        let steps = try await session.all(session.image())
        #expect(steps.map(\.index) == [0, 1, 2])
        #expect(steps[0].position == nil && steps[0].patchSize == nil)
        #expect(steps[1].position != nil && steps[1].patchSize == 4)
        for (earlier, later) in zip(steps, steps.dropFirst()) { #expect(earlier.elapsedMs < later.elapsedMs) }
        for step in steps {
            #expect(step.probabilities.reduce(0, +) > 0.999)
            #expect(step.confidence == step.probabilities.max())
            #expect(step.probabilities[step.label] == step.confidence)
        }
    }

    @Test(arguments: ["recurrent", "cascade"])
    func anImageDoesNotDependOnTheOneBefore(name: String) async throws {
        let session = try await Bundles.session(name)
        let first = try await session.all(session.image(1)).map(\.logits)
        _ = try await session.classify(session.image(2), maxSteps: 2)
        #expect(try await session.all(session.image(1)).map(\.logits) == first)
    }

    @Test func aStreamGoesOnUntilItIsReset() async throws {
        let session = try await Bundles.session("stream")
        let image = try session.image()
        let first = try await session.all(image).map(\.logits)
        let second = try await session.all(image).map(\.logits)
        #expect(first != second)
        try await session.reset()
        #expect(try await session.all(image).map(\.logits) == first)
        #expect(try await session.all(image).map(\.logits) == second)
    }

    @Test func aStreamGoesOnWhereverTheImageBeforeEnded() async throws {
        let one = try await Bundles.session("stream")
        let other = try await Bundles.session("stream")
        let steps = one.bundle.manifest.steps.count
        for maxSteps in 1...steps {
            let image = try one.image(UInt64(maxSteps))
            let expected = try await one.classify(image, threshold: 1, maxSteps: maxSteps).logits
            var found: [Float] = []
            for try await step in other.steps(image) {
                found = step.logits
                if step.index + 1 == maxSteps { break }
            }
            #expect(found == expected)
        }
    }

    @Test func theStepsOfOneImageAreTakenAtATime() async throws {
        let session = try await Bundles.session("recurrent")
        let image = try session.image()
        var first = session.steps(image).makeAsyncIterator()
        _ = try await first.next()
        var second = session.steps(image).makeAsyncIterator()
        await #expect(throws: GFNetError.busy) { _ = try await second.next() }
        await #expect(throws: GFNetError.busy) { _ = try await session.classify(image) }
        await #expect(throws: GFNetError.busy) { try await session.reset() }
        await #expect(throws: GFNetError.busy) { _ = try await session.verify() }
        #expect(try await first.next()?.index == 1)
        #expect(try await first.next()?.index == 2)
        #expect(try await first.next() == nil)
        #expect(try await session.classify(image, threshold: 1).index == 2)
    }

    @Test func whoBreaksOffFreesTheSession() async throws {
        let session = try await Bundles.session("recurrent")
        let image = try session.image()
        for try await step in session.steps(image) where step.index == 0 { break }
        #expect(try await session.classify(image, maxSteps: 1).index == 0)
    }

    @Test func manyTasksGetAnAnswerOrAreToldThatTheSessionIsBusy() async throws {
        let session = try await Bundles.session("recurrent")
        let image = try session.image()
        let expected = try await session.classify(image, threshold: 1).logits
        let answers = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    do {
                        return try await session.classify(image, threshold: 1).logits == expected
                    } catch {
                        return error as? GFNetError == .busy
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0 })
    }

    @Test func aCancelledTaskEndsBetweenTwoSteps() async throws {
        let session = try await Bundles.session("recurrent")
        let image = try session.image()
        let task = Task {
            var taken = 0
            for try await _ in session.steps(image) {
                taken += 1
                withUnsafeCurrentTask { $0?.cancel() }
            }
            return taken
        }
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        #expect(try await session.classify(image, threshold: 1).index == 2)
    }
}
