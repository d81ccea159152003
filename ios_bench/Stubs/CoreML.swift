// Below https://developer.apple.com/documentation/coreml/
import CoreVideo
import Foundation

// mlmodel
open class MLModel: NSObject {
    // mlmodel/modeldescription
    public var modelDescription: MLModelDescription { fatalError() }
    // mlmodel/compilemodel(at:)-3nea (iOS 16)
    public class func compileModel(at modelURL: URL) async throws -> URL { fatalError() }
    // mlmodel/load(contentsof:configuration:) (iOS 15)
    public class func load(
        contentsOf url: URL, configuration: MLModelConfiguration = MLModelConfiguration()
    ) async throws -> MLModel { fatalError() }
    // mlmodel/prediction(from:options:)
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
