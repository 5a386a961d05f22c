import Authority
import ControlPlaneProtos
import PeerTransport
import ProtoRPC
import Rotation

/// `spire.api.server.bundle.v1.Bundle`: the trust bundle.
struct BundleService: Sendable {
    let plane: ControlPlane

    func register(in routes: inout ControlPlaneRoutes) {
        routes.unary(BundleMethods.getBundle, self.getBundle)
    }

    /// The bundle of the server's trust domain, for everybody.
    func getBundle(
        _ request: Spire_Api_Server_Bundle_V1_GetBundleRequest, _ call: Call
    ) -> Spire_Api_Types_Bundle {
        var bundle = self.plane.authority.current.bundle.proto
        if request.hasOutputMask { bundle.apply(request.outputMask) }
        return bundle
    }
}
