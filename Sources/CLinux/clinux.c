// The module is all inline functions; a C target needs one source file.
#include "clinux.h"
