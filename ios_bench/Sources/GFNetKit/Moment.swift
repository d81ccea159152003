import Dispatch

/// A point on the clock that never goes back. Swift's own clocks count in 128 bits, which shows between small graphs.
package struct Moment: Sendable {
    private let nanoseconds: UInt64

    package static var now: Moment { Moment(nanoseconds: DispatchTime.now().uptimeNanoseconds) }

    package func milliseconds(since earlier: Moment) -> Double { Double(nanoseconds - earlier.nanoseconds) / 1e6 }
}
