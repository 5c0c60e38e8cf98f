# cmake -DBUILD=… -DSOURCE=… -P consumer_test.cmake: installs into a temporary
# folder, then builds and runs a program that finds Shoal there.
string(RANDOM LENGTH 8 suffix)
if(DEFINED ENV{TMPDIR})
  set(work $ENV{TMPDIR}/shoal-consumer-${suffix})
else()
  set(work /tmp/shoal-consumer-${suffix})
endif()
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result
                  OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    file(REMOVE_RECURSE ${work})
    message(FATAL_ERROR "failed (${result}): ${ARGN}\n${output}")
  endif()
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${work}/build -G Ninja
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${work}/prefix
    -DCMAKE_CXX_COMPILER=${COMPILER} "-DCMAKE_EXE_LINKER_FLAGS=${LINK_FLAGS}")
run(${CMAKE_COMMAND} --build ${work}/build)
run(${work}/build/consumer)
run(${work}/build/c_consumer)
run(${work}/build/c_static_consumer)
run(${work}/build/pkg_config_consumer)
if(EXISTS ${work}/build/grpc_consumer)
  run(${work}/build/grpc_consumer)
endif()
file(REMOVE_RECURSE ${work})
