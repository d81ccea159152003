import Foundation

private import CGFNetCore

#if canImport(CryptoKit)
    import CryptoKit
#endif

/// SHA-256 as 64 hexadecimal digits.
func sha256(of bytes: [UInt8]) -> String {
    #if canImport(CryptoKit)
        return SHA256.hash(data: bytes).map(hexadecimal).joined()
    #else
        var digits = [CChar](repeating: 0, count: 65)
        gfnet_sha256(bytes, bytes.count, &digits)
        return text(of: digits)
    #endif
}

/// SHA-256 of a file's bytes. Throws ``GFNetError/input(_:)`` if it cannot be read.
func sha256(ofFile path: String) throws -> String {
    #if canImport(CryptoKit)
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw GFNetError.input("\(path): cannot be read")
        }
        defer { try? file.close() }
        var hash = SHA256()
        while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { hash.update(data: piece) }
        return hash.finalize().map(hexadecimal).joined()
    #else
        var digits = [CChar](repeating: 0, count: 65)
        try check(gfnet_sha256_of_file(path, &digits))
        return text(of: digits)
    #endif
}

#if canImport(CryptoKit)
    private func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
#else
    private func text(of digits: [CChar]) -> String {
        String(decoding: digits.prefix(64).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
#endif

/// Throws what a C function complains about, and frees it.
func check(_ complaint: UnsafeMutablePointer<CChar>?) throws {
    guard let complaint else { return }
    defer { free(complaint) }
    throw GFNetError.input(String(cString: complaint))
}
