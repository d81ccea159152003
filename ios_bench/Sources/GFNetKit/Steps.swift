/// The steps on one image, as they are taken.
public struct Steps: AsyncSequence, Sendable {
    public typealias Element = Step

    let session: Session
    let image: @Sendable () throws -> Prepared

    public func makeAsyncIterator() -> Iterator { Iterator(session: session, image: image) }

    public struct Iterator: AsyncIteratorProtocol {
        let session: Session
        let image: @Sendable () throws -> Prepared
        private var turn: Turn?

        init(session: Session, image: @escaping @Sendable () throws -> Prepared) {
            self.session = session
            self.image = image
        }

        public mutating func next() async throws -> Step? {
            if let turn { return try await session.take(turn) }
            let turn = Turn(try image())
            self.turn = turn
            try await session.begin(turn)
            return try await session.take(turn)
        }
    }
}
