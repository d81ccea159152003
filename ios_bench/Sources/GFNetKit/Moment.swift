import Foundation

/// A point on the clock that never goes back. Read from the system itself: around small graphs the time that Swift's and
/// Dispatch's clocks take of their own can be seen.
package struct Moment: Sendable {
    private let nanoseconds: UInt64

    package static var now: Moment {
        #if canImport(Darwin)
            Moment(nanoseconds: clock_gettime_nsec_np(CLOCK_UPTIME_RAW))
        #else
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return Moment(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
        #endif
    }

    package func milliseconds(since earlier: Moment) -> Double { Double(nanoseconds - earlier.nanoseconds) / 1e6 }
}
