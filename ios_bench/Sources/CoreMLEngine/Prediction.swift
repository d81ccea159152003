#if canImport(CoreML)
    import CoreML
    import Foundation
    import GFNetKit

    /// One call of a graph, prepared: features over the registers' own memory, so that nothing is made or copied when it
    /// runs. Registers that a call both reads and writes have two places of memory, as every engine gets them.
    ///
    /// Nothing in it changes but the memory that it reads and writes, and a session makes one call at a time: that is why
    /// it may go to another thread.
    final class Prediction: @unchecked Sendable {
        private struct Output {
            let name: String
            let tensor: Tensor
            let backing: MLMultiArray
        }

        private let graph: String
        private let model: MLModel
        private let features: MLDictionaryFeatureProvider
        private let options = MLPredictionOptions()
        private let outputs: [Output]
        private let pictures: [ImageBuffer]
        /// features point into their memory
        private let inputs: [Tensor]
        private let queue: DispatchQueue

        /// Throws ``GFNetError/input(_:)`` unless the tensors are those that the model takes and gives.
        init(
            _ loaded: LoadedModel, inputs: [String: Tensor], outputs: [String: Tensor], images: ImageBuffers,
            queue: DispatchQueue
        ) throws {
            (graph, model) = (loaded.graph, loaded.model)
            let file = loaded.file
            self.queue = queue
            self.inputs = Array(inputs.values)
            let description = loaded.description
            let place = "graph '\(graph)'"
            var values: [String: MLFeatureValue] = [:]
            var pictures: [ImageBuffer] = []
            for (tensor, memory) in inputs {
                let name = file.names[tensor] ?? tensor
                let taken = description.inputDescriptionsByName[name]
                if file.pictures.contains(tensor) {
                    try check(taken, takesPictureOf: memory, "\(place): input '\(tensor)'")
                    let buffer = try images.buffer(for: memory)
                    pictures.append(buffer)
                    values[name] = MLFeatureValue(pixelBuffer: buffer.pixels)
                } else {
                    try check(taken, isTensor: memory, "\(place): input '\(tensor)'")
                    values[name] = MLFeatureValue(multiArray: try multiArray(over: memory))
                }
            }
            if let missing = Set(description.inputDescriptionsByName.keys).subtracting(values.keys).first {
                throw GFNetError.input("\(place): the package also takes '\(missing)'; export again")
            }
            self.pictures = pictures
            features = try MLDictionaryFeatureProvider(dictionary: values)
            self.outputs = try outputs.map { tensor, memory in
                let name = file.names[tensor] ?? tensor
                try check(
                    description.outputDescriptionsByName[name], isTensor: memory, "\(place): output '\(tensor)'")
                return Output(name: name, tensor: memory, backing: try multiArray(over: memory))
            }
            options.outputBackings = self.outputs.reduce(into: [:]) { $0[$1.name] = $1.backing }
        }

        /// Throws ``GFNetError/failed(_:)`` where Core ML gives up, and `CancellationError`.
        func run() async throws {
            for picture in pictures { try picture.update() }
            let found: any MLFeatureProvider
            do {
                found = try await predict()
            } catch  where Task.isCancelled {
                // whatever Core ML calls it
                throw CancellationError()
            } catch {
                throw GFNetError.failed("graph '\(graph)': Core ML cannot run it: \(error.inOneLine)")
            }
            for output in outputs {
                guard let array = found.featureValue(for: output.name)?.multiArrayValue else {
                    throw GFNetError.failed("graph '\(graph)': it gave no '\(output.name)'")
                }
                // Core ML need not take the memory that it is offered
                if array !== output.backing { try copy(array, to: output.tensor, "graph '\(graph)'") }
            }
        }

        private func predict() async throws -> any MLFeatureProvider {
            if #available(iOS 17, macOS 14, *) {
                return try await model.prediction(from: features, options: options)
            }
            let found: Found = try await withCheckedThrowingContinuation { continuation in
                queue.async {
                    continuation.resume(
                        with: Result {
                            Found(features: try self.model.prediction(from: self.features, options: self.options))
                        })
                }
            }
            return found.features
        }

        /// Handed from the queue to the caller, and kept by neither.
        private struct Found: @unchecked Sendable {
            let features: any MLFeatureProvider
        }
    }
#endif
