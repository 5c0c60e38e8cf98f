// Writes docs/reference/configuration.md to standard output.
#include <iostream>

#include "configuration/reference_page.h"

int main() {
  std::cout << shoal::configuration::ConfigurationPage() << std::flush;
}
