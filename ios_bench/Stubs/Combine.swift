// Below https://developer.apple.com/documentation/combine/

// observableobject
public protocol ObservableObject: AnyObject {}

// published
@propertyWrapper
public struct Published<Value> {
    // published/init(wrappedvalue:)
    public init(wrappedValue: Value) { self.wrappedValue = wrappedValue }
    public var wrappedValue: Value
}
