import Testing

@testable import GFNetKit

@Suite struct JSONTests {
    @Test(
        arguments: [
            ("1", .integer(1)), ("-0", .integer(0)), ("1.0", .number(1)), ("1e2", .number(100)),
            ("9223372036854775808", .number(9_223_372_036_854_775_808)), (" [ ] ", []), ("{}", [:]),
            (#"{"a": 1, "a": 2}"#, ["a": 2]), (#""é😀\/""#, "é😀/"), ("[null, true, false]", [nil, true, false]),
        ] as [(String, JSON)])
    func aValueIsReadAsItIsWritten(text: String, value: JSON) throws {
        #expect(try JSON(parsing: text.utf8, place: "x") == value)
    }

    @Test(arguments: [
        "", " ", "01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "1e999", "'a'", "\"a", "\"\u{1}\"", #""\x""#,
        #""\ud800""#, #""\ud800\u0041""#, #""\u12""#, "[1,]", "[1 2]", "{\"a\"}", "{a: 1}", "{\"a\": 1,}", "tru", "1 1",
        String(repeating: "[", count: 101) + String(repeating: "]", count: 101),
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: GFNetError.self) { try JSON(parsing: text.utf8, place: "x") }
    }

    @Test func bytesThatAreNotUTF8AreRefused() {
        #expect(throws: GFNetError.self) { try JSON(parsing: [0x22, 0xff, 0x22], place: "x") }
    }

    @Test func canonicalTextIsPythons() {
        let value: JSON = ["b": [1, nil], "a": "é😀\u{7f}\u{1f}\"\\\n", "B": 0.5]
        let expected = #"{"B":0.5,"a":"\u00e9\ud83d\ude00"# + "\u{7f}" + #"\u001f\"\\\n","b":[1,null]}"#
        #expect(String(decoding: value.utf8(ascii: true), as: UTF8.self) == expected)
    }
}
