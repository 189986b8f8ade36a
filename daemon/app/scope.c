#include "app/scope.h"

#include "base/log.h"
#include "flow/box.h"
#include "flow/polygon.h"
#include "flow/settings.h"
#include "vision/card.h"

bool scope_holds(const struct conf_camera *conf, const struct box *box, int width, int height)
{
    struct point at = box_place(box, width, height);
    return !polygons_hold(&conf->masks, at) && (!conf->zones.n || polygons_hold(&conf->zones, at));
}

int scope_faces(const struct conf_camera *conf, struct face *faces, int n, int width, int height)
{
    int left = 0;
    for (int i = 0; i < n; i++) {
        float wide = faces[i].box.w;
        if (wide < (float)conf->min_face || (conf->max_face && wide > (float)conf->max_face) ||
                !scope_holds(conf, &faces[i].box, width, height))
            continue;
        struct face wanted = faces[i];
        faces[i] = faces[left];
        faces[left++] = wanted;
    }
    return left;
}

void scope_tiles(const struct conf_camera *conf, const struct card *card, int width, int height,
        struct tiles *t)
{
    struct tiles_wish wish = {width, height, card->input.max_side, card->min_width,
            (float)conf->min_face, polygons_bounds(&conf->zones)};
    *t = (struct tiles){.n = 0};
    if (conf->tiles == TILING_OFF)
        return;
    tiles_plan(&wish, t);
    if (card->min_width <= 0) {
        log_warn("vision", "camera '%s': the detector '%s' can look at no tiles", conf->name,
                card->name);
        return;
    }
    log_info("vision",
            "camera '%s': tiles in pictures of %dx%d: %d; faces from %.0f px on are found, for "
            "%.1f times the work",
            conf->name, width, height, t->n, (double)t->narrowest_px, (double)t->work);
    if (t->n && t->scale < 1 && t->narrowest_px > wish.narrowest_px + 1)
        log_warn("vision", "camera '%s': more than %d tiles would be needed for min_face = %d",
                conf->name, TILES_MAX, conf->min_face);
}
