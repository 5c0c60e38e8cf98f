# cmake -DLIBRARY=… -DBASELINE=… -DNM=… -DOBJDUMP=… -P symbols_test.cmake: fails
# when a kernel's object file lets the linker see more than its table (a function
# shared between files that are compiled for different processors would be taken
# from any of them), or when the baseline has instructions that not every
# processor runs.
execute_process(COMMAND ${NM} -A --demangle --defined-only ${LIBRARY}
                OUTPUT_VARIABLE symbols RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${NM} ${LIBRARY} failed: ${failed}")
endif()
string(REGEX MATCHALL "[^\n]*kernels_[a-z0-9]+\\.cc[^\n]*" lines "${symbols}")
set(tables 0)
foreach(line IN LISTS lines)
  if(line MATCHES "kernels_([a-z0-9]+)\\.cc.* T shoal::learning::([a-z0-9]+)::Table\\(\\)$"
     AND CMAKE_MATCH_1 STREQUAL CMAKE_MATCH_2)
    math(EXPR tables "${tables} + 1")
  elseif(NOT line MATCHES ": ?[0-9a-f]+ [a-z] ")  # lower case: local
    message(SEND_ERROR "visible to the linker: ${line}")
  endif()
endforeach()
if(tables EQUAL 0)
  message(FATAL_ERROR "no table of kernels in ${LIBRARY}")
endif()

execute_process(COMMAND ${OBJDUMP} -d --no-show-raw-insn ${BASELINE}
                OUTPUT_VARIABLE code RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${OBJDUMP} ${BASELINE} failed: ${failed}")
endif()
# AVX and later: names of vector instructions start with a v.
string(REGEX MATCH "\tv[a-z0-9]+ +[^\n]*%[xyz]mm" instruction "${code}")
if(NOT instruction STREQUAL "")
  message(FATAL_ERROR "the baseline has AVX instructions:${instruction}")
endif()
