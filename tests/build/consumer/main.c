/* Links the installed C interface and gets the error that an empty set-up
 * deserves. */
#include <stdio.h>

#include "shoal.h"

int main(void) {
  shoal_options options = {.struct_size = sizeof options};
  shoal_error error = {.struct_size = sizeof error};
  shoal_client *client = NULL;
  const int32_t code =
      shoal_client_create(&options, NULL, NULL, &client, &error);
  printf("%s: %s\n", shoal_version(), error.message);
  return code == SHOAL_INVALID_ARGUMENT && client == NULL ? 0 : 1;
}
