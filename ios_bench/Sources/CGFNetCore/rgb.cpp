// A fused multiply-add would round otherwise than Pillow does.
#pragma STDC FP_CONTRACT OFF
#include "core/rgb.cpp"
