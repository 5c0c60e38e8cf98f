// Writes docs/reference/errors.md to standard output.
#include <iostream>

#include "protocol/errors_page.h"

int main() { std::cout << shoal::protocol::ErrorsPage() << std::flush; }
