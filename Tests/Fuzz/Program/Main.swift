import FoundationEssentials
import FuzzTargets

#if LIBFUZZER

/// The target of this process: set before libFuzzer makes the first input, by the only thread there is.
nonisolated(unsafe) private var target: FuzzTarget?

/// Takes the name of the target out of the arguments, the rest of which are libFuzzer's.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
    do {
        unsafe target = try SignetFuzz.target(Array(CommandLine.arguments.dropFirst()))
    } catch {
        SignetFuzz.stop("\(error)")
    }
    unsafe arguments.pointee[1] = arguments.pointee[0]
    unsafe arguments.pointee += 1
    unsafe count.pointee -= 1
    return 0
}

/// Takes an input that libFuzzer made.
@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    if let target = unsafe target { SignetFuzz.check(input, with: target) }
    return 0
}

#else

@main
struct Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        do {
            let target = try SignetFuzz.target(arguments)
            for path in arguments.dropFirst() {
                SignetFuzz.check(try Array(Data(contentsOf: URL(filePath: path))), with: target)
                print("\(path): everything holds")
            }
        } catch {
            SignetFuzz.stop("\(error)")
        }
    }
}

#endif
