# cmake -DNPM=… -DSOURCE=… -DSTAMP=FILE -P install.cmake: installs exactly the
# packages of package-lock.json beside FILE, then makes FILE.
get_filename_component(folder ${STAMP} DIRECTORY)
foreach(file package.json package-lock.json .npmrc)
  configure_file(${SOURCE}/${file} ${folder}/${file} COPYONLY)
endforeach()
execute_process(
  COMMAND ${NPM} ci --loglevel=error
  WORKING_DIRECTORY ${folder} RESULT_VARIABLE result
  OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(result)
  message(NOTICE "${said}")
  message(FATAL_ERROR "dashboard: npm could not install the packages of dashboard/package-lock.json "
    "(uPlot, esbuild, TypeScript). The first build on a machine needs npm's "
    "registry; later ones find them in npm's cache.")
endif()
file(TOUCH ${STAMP})
