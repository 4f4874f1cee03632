/* Where what is compiled for one type of numbers ends: the next one gives these names anew. */
#undef EACH_EIGHT
#undef BY_WINDOW
#undef LEFT
#undef TYPE
#undef REAL
#undef WHOLE
#undef NAME
#undef LOAD
#undef STORE
#undef STORE_PAST
#undef STORE_AS_IT_WAS
#undef ROOTS
