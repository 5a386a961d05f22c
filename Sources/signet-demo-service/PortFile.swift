import Foundation

/// The file that tells a script which port was taken.
enum PortFile {
    /// Writes the port and a newline; whoever waits for the file never sees half of it.
    static func write(_ port: Int, to path: String) throws {
        try Data("\(port)\n".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
