// Where Debian puts it.
#include <stb/stb_image.h>
