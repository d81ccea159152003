// Below https://developer.apple.com/documentation/coreml/
import CoreVideo
import Foundation

// mlmodel
open class MLModel: NSObject {
    // mlmodel/modeldescription
    public var modelDescription: MLModelDescription { fatalError() }
    // mlmodel/compilemodel(at:)-45ao6 (iOS 16, macOS 13)
    public class func compileModel(at modelURL: URL) async throws -> URL { fatalError() }
    // mlmodel/load(contentsof:configuration:) (iOS 15, macOS 12)
    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration = MLModelConfiguration()
    ) async throws -> MLModel { fatalError() }
    // mlmodel/prediction(from:options:)-81mr6
    public func prediction(
        from input: any MLFeatureProvider, options: MLPredictionOptions
    ) throws -> any MLFeatureProvider { fatalError() }
    // mlmodel/prediction(from:options:)-3vg03 (iOS 17, macOS 14)
    public func prediction(
        from input: any MLFeatureProvider, options: MLPredictionOptions = MLPredictionOptions()
    ) async throws -> any MLFeatureProvider { fatalError() }
}

// mlmodelconfiguration
open class MLModelConfiguration: NSObject {
    // mlmodelconfiguration/computeunits
    public var computeUnits: MLComputeUnits = .all
    // mlmodelconfiguration/functionname (iOS 18, macOS 15)
    public var functionName: String?
}

// mlcomputeunits
public enum MLComputeUnits: Int {
    case cpuOnly, cpuAndGPU, all
    // mlcomputeunits/cpuandneuralengine (iOS 16, macOS 13)
    case cpuAndNeuralEngine
}

// mlmodeldescription
open class MLModelDescription: NSObject {
    // mlmodeldescription/inputdescriptionsbyname
    public var inputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
    // mlmodeldescription/outputdescriptionsbyname
    public var outputDescriptionsByName: [String: MLFeatureDescription] { fatalError() }
}

// mlfeaturedescription
open class MLFeatureDescription: NSObject {
    // mlfeaturedescription/multiarrayconstraint
    public var multiArrayConstraint: MLMultiArrayConstraint? { fatalError() }
    // mlfeaturedescription/imageconstraint
    public var imageConstraint: MLImageConstraint? { fatalError() }
}

// mlmultiarrayconstraint
open class MLMultiArrayConstraint: NSObject {
    // mlmultiarrayconstraint/shape
    public var shape: [NSNumber] { fatalError() }
    // mlmultiarrayconstraint/datatype
    public var dataType: MLMultiArrayDataType { fatalError() }
}

// mlimageconstraint
open class MLImageConstraint: NSObject {
    // mlimageconstraint/pixelswide
    public var pixelsWide: Int { fatalError() }
    // mlimageconstraint/pixelshigh
    public var pixelsHigh: Int { fatalError() }
    // mlimageconstraint/pixelformattype
    public var pixelFormatType: OSType { fatalError() }
}

// mlfeatureprovider
public protocol MLFeatureProvider {
    // mlfeatureprovider/featurevalue(for:)
    func featureValue(for featureName: String) -> MLFeatureValue?
}

// mldictionaryfeatureprovider
open class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    // mldictionaryfeatureprovider/init(dictionary:)
    public init(dictionary: [String: Any]) throws { fatalError() }
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError() }
}

// mlfeaturevalue
open class MLFeatureValue: NSObject {
    // mlfeaturevalue/init(multiarray:)
    public init(multiArray value: MLMultiArray) { fatalError() }
    // mlfeaturevalue/init(pixelbuffer:)
    public init(pixelBuffer value: CVPixelBuffer) { fatalError() }
    // mlfeaturevalue/multiarrayvalue
    public var multiArrayValue: MLMultiArray? { fatalError() }
}

// mlpredictionoptions
open class MLPredictionOptions: NSObject {
    // mlpredictionoptions/outputbackings (iOS 16, macOS 11)
    public var outputBackings: [String: Any] = [:]
}

// mlmultiarraydatatype
public enum MLMultiArrayDataType: Int {
    case double, float32, int32
    // mlmultiarraydatatype/float16 (iOS 16, macOS 12)
    case float16
}

// mlmultiarray
open class MLMultiArray: NSObject {
    // mlmultiarray/init(datapointer:shape:datatype:strides:deallocator:)
    public init(
        dataPointer: UnsafeMutableRawPointer, shape: [NSNumber], dataType: MLMultiArrayDataType, strides: [NSNumber],
        deallocator: ((UnsafeMutableRawPointer) -> Void)? = nil
    ) throws { fatalError() }
    // mlmultiarray/shape
    public var shape: [NSNumber] { fatalError() }
    // mlmultiarray/datatype
    public var dataType: MLMultiArrayDataType { fatalError() }
    // mlmultiarray/withunsafemutablebytes(_:) (iOS 15.4, macOS 12.3)
    public func withUnsafeMutableBytes<R>(
        _ body: (UnsafeMutableRawBufferPointer, [Int]) throws -> R
    ) rethrows -> R { fatalError() }
}

// mlcpucomputedevice (iOS 17, macOS 14)
public final class MLCPUComputeDevice: Sendable {}
// mlgpucomputedevice
public final class MLGPUComputeDevice: Sendable {}
// mlneuralenginecomputedevice
public final class MLNeuralEngineComputeDevice: Sendable {}

// mlcomputedevice (iOS 17, macOS 14)
public enum MLComputeDevice: Sendable {
    // mlcomputedevice/cpu(_:), mlcomputedevice/gpu(_:), mlcomputedevice/neuralengine(_:)
    case cpu(MLCPUComputeDevice)
    case gpu(MLGPUComputeDevice)
    case neuralEngine(MLNeuralEngineComputeDevice)
}

// mlcomputeplan-1w21n (iOS 17.4, macOS 14.4)
public class MLComputePlan {
    // mlcomputeplan-1w21n/load(contentsof:configuration:)
    public static func load(
        contentsOf url: URL, configuration: MLModelConfiguration
    ) async throws -> MLComputePlan { fatalError() }
    // mlcomputeplan-1w21n/modelstructure
    public final let modelStructure: MLModelStructure = .unsupported
    // mlcomputeplan-1w21n/deviceusage(for:)-7cdlm
    public func deviceUsage(for operation: MLModelStructure.Program.Operation) -> DeviceUsage? { nil }
    // mlcomputeplan-1w21n/estimatedcost(of:)
    public func estimatedCost(of operation: MLModelStructure.Program.Operation) -> Cost? { nil }

    // mlcomputeplan-1w21n/deviceusage
    public struct DeviceUsage: Sendable {
        // mlcomputeplan-1w21n/deviceusage/supported, mlcomputeplan-1w21n/deviceusage/preferred
        public let supported: [MLComputeDevice]
        public let preferred: MLComputeDevice
    }

    // mlcomputeplan-1w21n/cost
    public struct Cost: Sendable {
        // mlcomputeplan-1w21n/cost/weight
        public let weight: Double
    }
}

// mlmodelstructure-swift.enum (iOS 17.4, macOS 14.4)
public enum MLModelStructure: Sendable {
    // mlmodelstructure-swift.enum/program(_:)
    case program(Program)
    // mlmodelstructure-swift.enum/unsupported
    case unsupported

    // mlmodelstructure-swift.enum/program
    public struct Program: Sendable {
        // mlmodelstructure-swift.enum/program/functions
        public let functions: [String: Function]

        // mlmodelstructure-swift.enum/program/function
        public struct Function: Sendable {
            // mlmodelstructure-swift.enum/program/function/block
            public let block: Block
        }

        // mlmodelstructure-swift.enum/program/block
        public struct Block: Sendable {
            // mlmodelstructure-swift.enum/program/block/operations
            public let operations: [Operation]
        }

        // mlmodelstructure-swift.enum/program/operation
        public struct Operation: Sendable {
            // mlmodelstructure-swift.enum/program/operation/operatorname
            public let operatorName: String
            // mlmodelstructure-swift.enum/program/operation/outputs
            public let outputs: [NamedValueType]
            // mlmodelstructure-swift.enum/program/operation/blocks
            public let blocks: [Block]
        }

        // mlmodelstructure-swift.enum/program/namedvaluetype
        public struct NamedValueType: Sendable {
            // mlmodelstructure-swift.enum/program/namedvaluetype/name
            public let name: String
        }
    }
}
