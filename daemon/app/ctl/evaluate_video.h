#pragma once

#include "app/ctl/ctl.h"
#include "flow/settings.h"

/*
 * facectl evaluate --video: a clip of which everything is known goes the daemon's own way -
 * decoder, sampler, detector, tracker, emitter - and its records are scored (app/score.h).
 *
 * fps: pictures sampled in a second; 0: as many as the daemon does by default. Returns the exit
 * code.
 */
int evaluate_video(const struct ctl_common *common, const char *video, const char *truth,
        double fps, enum decoding decode);
