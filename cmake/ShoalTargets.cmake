# One function per kind of target. All take NAME, SRCS (listed, no globs) and
# DEPS; they own flags, include paths, layer checks and registration.
include(${CMAKE_CURRENT_LIST_DIR}/ShoalLayers.cmake)
define_property(GLOBAL PROPERTY SHOAL_TARGETS)

# Remembers a target of this folder for shoal_check_layers().
function(_shoal_register target)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set_property(TARGET ${target} PROPERTY SHOAL_FOLDER ${folder})
  set_property(TARGET ${target} PROPERTY SHOAL_DEPS "${ARGN}")
  set_property(GLOBAL APPEND PROPERTY SHOAL_TARGETS ${target})
endfunction()

# What is built for devices has tables for unwinding in the `sources` alone that
# catch a library's exceptions. Those are kept out of the optimisation as one
# program, in which gcc makes the tables for all functions that it compiles beside
# one that needs them.
function(_shoal_small_options target)  # [sources …]
  if(SHOAL_SMALL)
    target_compile_options(${target} PRIVATE -fno-exceptions
      -fno-unwind-tables -fno-asynchronous-unwind-tables)
    set_source_files_properties(${ARGN} PROPERTIES
      COMPILE_OPTIONS "-fexceptions;-funwind-tables;-fno-lto")
  endif()
endfunction()

# shoal_library(NAME name SRCS … HDRS … DEPS … [PRIVATE_DEPS …] [EXCEPTIONS …])
# Makes shoal_<name> with the alias shoal::<name>. EXCEPTIONS: the sources that
# catch those of a library.
function(shoal_library)
  cmake_parse_arguments(A "" "NAME" "SRCS;HDRS;DEPS;PRIVATE_DEPS;EXCEPTIONS"
                        ${ARGN})
  set(target shoal_${A_NAME})
  if(A_SRCS)
    add_library(${target} STATIC ${A_SRCS} ${A_HDRS})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:shoal_flags>
                          PUBLIC ${A_DEPS} PRIVATE ${A_PRIVATE_DEPS})
    _shoal_small_options(${target} ${A_EXCEPTIONS})
  else()
    add_library(${target} INTERFACE ${A_HDRS})
    set(scope INTERFACE)
    target_link_libraries(${target} INTERFACE ${A_DEPS})
  endif()
  add_library(shoal::${A_NAME} ALIAS ${target})
  set_property(TARGET ${target} PROPERTY EXPORT_NAME ${A_NAME})
  target_include_directories(${target} ${scope}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  _shoal_register(${target} ${A_DEPS} ${A_PRIVATE_DEPS})
endfunction()

# shoal_program(NAME name SRCS … DEPS …) makes bin/<name>.
function(shoal_program)
  cmake_parse_arguments(A "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${A_NAME} ${A_SRCS})
  target_link_libraries(${A_NAME} PRIVATE shoal_flags ${A_DEPS})
  target_include_directories(${A_NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  _shoal_small_options(${A_NAME})
  _shoal_register(${A_NAME} ${A_DEPS})
endfunction()

# shoal_test(NAME name SRCS … DEPS … [LABELS …] [TIMEOUT s] [ENVIRONMENT …])
# makes a GoogleTest program with shoal::test_support linked in.
function(shoal_test)
  cmake_parse_arguments(A "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS;ENVIRONMENT"
                        ${ARGN})
  set(target ${A_NAME}_test)
  add_executable(${target} ${A_SRCS})
  set_target_properties(${target} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${target} PRIVATE
    shoal_flags ${A_DEPS} shoal::test_support GTest::gmock GTest::gtest_main)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  add_test(NAME ${A_NAME} COMMAND ${target})
  if(NOT A_LABELS)
    set(A_LABELS unit)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  if(SHOAL_SANITIZE OR CMAKE_CROSSCOMPILING_EMULATOR)  # several times slower
    math(EXPR A_TIMEOUT "10 * ${A_TIMEOUT}")
  endif()
  set_tests_properties(${A_NAME} PROPERTIES
    LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT}
    ENVIRONMENT "${SHOAL_TEST_ENVIRONMENT};${A_ENVIRONMENT}")
  _shoal_register(${target} ${A_DEPS})
endfunction()

# shoal_bench(NAME name SRCS … DEPS …) makes bench/<name>, run by script/bench.
function(shoal_bench)
  cmake_parse_arguments(A "" "NAME" "SRCS;DEPS" ${ARGN})
  set(target ${A_NAME}_bench)
  add_executable(${target} ${A_SRCS})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${A_NAME}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
  target_link_libraries(${target} PRIVATE shoal_flags ${A_DEPS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  _shoal_register(${target} ${A_DEPS})
endfunction()

# shoal_proto(NAME name PROTOS … [SERVICES …] DEPS …) generates messages, and
# gRPC stubs for SERVICES, into <build>/proto; include as shoal/v1/x.pb.h.
function(shoal_proto)
  cmake_parse_arguments(A "" "NAME" "PROTOS;SERVICES;DEPS" ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/proto)
  set(target shoal_${A_NAME})
  set(generated)
  file(MAKE_DIRECTORY ${out})
  foreach(proto IN LISTS A_PROTOS)
    string(REPLACE ".proto" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.pb.cc ${out}/${stem}.pb.h
      COMMAND protobuf::protoc -I ${CMAKE_CURRENT_SOURCE_DIR}
              --cpp_out=${out} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${A_PROTOS} VERBATIM)
    list(APPEND generated ${out}/${stem}.pb.cc)
  endforeach()
  foreach(proto IN LISTS A_SERVICES)
    string(REPLACE ".proto" "" stem ${proto})
    add_custom_command(
      OUTPUT ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h
      COMMAND protobuf::protoc -I ${CMAKE_CURRENT_SOURCE_DIR}
              --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>
              --grpc_out=${out} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${proto} VERBATIM)
    list(APPEND generated ${out}/${stem}.grpc.pb.cc)
  endforeach()
  add_library(${target} STATIC ${generated})
  add_library(shoal::${A_NAME} ALIAS ${target})
  set_property(TARGET ${target} PROPERTY EXPORT_NAME ${A_NAME})
  target_include_directories(${target} SYSTEM PUBLIC
    $<BUILD_INTERFACE:${out}>)
  target_link_libraries(${target} PUBLIC ${A_DEPS})
  _shoal_register(${target} ${A_DEPS})
endfunction()

# Checks every target's dependencies and every #include against the table.
function(shoal_check_layers)
  get_property(targets GLOBAL PROPERTY SHOAL_TARGETS)
  set(tops)
  foreach(row IN LISTS SHOAL_LAYERS)
    string(REGEX REPLACE ".*:" "" top ${row})
    list(APPEND tops ${top})
  endforeach()
  list(JOIN tops "|" tops)
  foreach(target IN LISTS targets)
    get_target_property(from ${target} SHOAL_FOLDER)
    get_target_property(deps ${target} SHOAL_DEPS)
    foreach(dep IN LISTS deps)
      if(TARGET ${dep})
        get_target_property(real ${dep} ALIASED_TARGET)
        if(NOT real)
          set(real ${dep})
        endif()
        get_target_property(to ${real} SHOAL_FOLDER)
        if(to)
          _shoal_check_edge(${from} ${to} "target ${target} uses ${real}")
        endif()
      elseif(dep MATCHES "^shoal::")
        message(FATAL_ERROR "layers: ${target} depends on ${dep}, which does "
                "not exist")
      endif()
    endforeach()
    get_target_property(sources ${target} SOURCES)
    foreach(source IN LISTS sources)
      set(path ${PROJECT_SOURCE_DIR}/${from}/${source})
      if(IS_ABSOLUTE ${source} OR NOT EXISTS ${path})
        continue()
      endif()
      file(STRINGS ${path} lines REGEX "^#include \"(${tops})/")
      foreach(line IN LISTS lines)
        string(REGEX REPLACE "^#include \"([^\"]*)\".*" "\\1" header "${line}")
        get_filename_component(to ${header} DIRECTORY)
        _shoal_check_edge(${from} ${to} "${from}/${source} includes ${header}")
      endforeach()
    endforeach()
  endforeach()
endfunction()
