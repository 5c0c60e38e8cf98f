# cmake -DBUNDLE=PATH -DLICENSE=FILE -P embed.cmake: writes PATH.cc, which holds
# PATH.js (with uPlot's licence) and PATH.css as bytes.
file(READ ${LICENSE} licence)
file(READ ${BUNDLE}.js script)
file(WRITE ${BUNDLE}.licensed.js "/*! Contains uPlot.\n${licence}*/\n${script}")

function(bytes_of file out)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  # Compilers dislike lines of a million columns.
  string(REGEX REPLACE "(................................................................................)"
         "\\1\n" bytes "${bytes}")
  set(${out} "${bytes}" PARENT_SCOPE)
endfunction()
bytes_of(${BUNDLE}.licensed.js script)
bytes_of(${BUNDLE}.css style)

file(WRITE ${BUNDLE}.cc "#include \"dashboard/bundle.h\"

namespace shoal::dashboard {
namespace {
constexpr char kScript[] = {${script}};
constexpr char kStyle[] = {${style}};
}  // namespace

std::string_view Script() { return {kScript, sizeof(kScript)}; }
std::string_view Style() { return {kStyle, sizeof(kStyle)}; }

}  // namespace shoal::dashboard
")
