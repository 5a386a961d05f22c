import ControlPlaneProtos
import Registration
import SwiftProtobuf

extension Selector {
    var proto: Spire_Api_Types_Selector {
        .with {
            $0.type = self.type
            $0.value = self.value
        }
    }
}
