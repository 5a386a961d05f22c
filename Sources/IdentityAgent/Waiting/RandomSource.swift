/// Where jitter comes from.
package typealias RandomSource = @Sendable () -> any RandomNumberGenerator
