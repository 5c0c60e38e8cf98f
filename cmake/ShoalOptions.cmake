# Options of the build. Everything a user may set is listed here.
option(SHOAL_BUILD_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(SHOAL_BUILD_BENCH "Build the benchmarks" ${PROJECT_IS_TOP_LEVEL})
option(SHOAL_BUILD_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(SHOAL_BUILD_GRPC
       "Build what needs grpc++ and protobuf: coordinator, simulator" ON)
option(SHOAL_BUILD_AGENT
       "Build shoal-agent, which reads YAML; what needs gRPC needs it too" ON)
option(SHOAL_BUILD_FUZZERS
       "Build libFuzzer programs (clang, SHOAL_SANITIZE with address)" OFF)
option(SHOAL_WARNINGS_AS_ERRORS "Stop at the first warning" OFF)
set(SHOAL_SANITIZE "" CACHE STRING
    "Sanitizers, as for -fsanitize= (address,undefined or thread)")
set(SHOAL_MARCH native CACHE STRING
    "Instruction set, as for -march=; empty for the compiler's default")

option(SHOAL_SMALL
       "For devices: one copy of the kernels, for SHOAL_MARCH; no unwinding" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(SHOAL_CCACHE ccache)
if(SHOAL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SHOAL_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${SHOAL_CCACHE})
endif()

# Flags of every Shoal target; third parties' targets never see them.
add_library(shoal_flags INTERFACE)
target_compile_features(shoal_flags INTERFACE cxx_std_20)
target_compile_options(shoal_flags INTERFACE
  -Wall -Wextra -Wno-unused-parameter
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${SHOAL_WARNINGS_AS_ERRORS}>:-Werror>)
if(SHOAL_MARCH)
  target_compile_options(shoal_flags INTERFACE -march=${SHOAL_MARCH})
endif()
if(SHOAL_SANITIZE)
  target_compile_options(shoal_flags INTERFACE
    -fsanitize=${SHOAL_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -g1)
  target_link_options(shoal_flags INTERFACE -fsanitize=${SHOAL_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Instrumented code confuses this warning: gcc's manual says that it then
    # has false positives (variants moved into a StatusOr are some).
    target_compile_options(shoal_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(SHOAL_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang"
     OR NOT SHOAL_SANITIZE MATCHES "address")
    message(FATAL_ERROR "SHOAL_BUILD_FUZZERS needs clang and "
            "-DSHOAL_SANITIZE=address,undefined")
  endif()
  target_compile_options(shoal_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
