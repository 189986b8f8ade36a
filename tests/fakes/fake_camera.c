#include "fake_camera.h"

bool camera_online(const struct camera *c)
{
    return atomic_load(&c->online);
}

bool camera_is_file(const struct camera *c)
{
    return atomic_load(&c->file);
}
